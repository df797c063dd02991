"""`make faults`: what Stepwell promises, while its processes and servers are killed and cut off.

The faults are numbered as the reliability tests are; after each, the same invariants are checked in
the database and in the file of an HTTP receiver, which writes down every call that reaches it.
"""
