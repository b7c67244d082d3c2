"""Running Strangler: the process that serves, and what will move routes in it."""
