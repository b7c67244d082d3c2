"""Recording what passes a running proxy, for as long as somebody asks for it.

In a worker, `taker` has the engine keep exchanges and hands them over as `parcel`s. In control, the `course` of a recording
takes them in, passes them on to a process of their own, the `scribe`, which removes their secrets (`cleaning`), and `recordings`
gives what is left to whoever asked. Nothing of it is stored here: what is recorded stands in the file of that person.
"""
