"""Events of tables whose code nobody touches: what capture's triggers kept of each change, made into events by the mapping."""
