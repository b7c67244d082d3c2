"""What traffic tells of an application: its endpoints, what each is like, and in which order to strangle them.

`tree` keeps what was seen by the segments of paths, in bounded memory; `folding` decides which segments are values of a
parameter; `survey` puts aside what is no endpoint; `ranking` and `proposal` say what to do with the rest.
"""
