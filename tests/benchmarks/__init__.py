"""`make bench`: what Stepwell does on this machine, beside what the machine could do at most.

Every count is checked in the database; a mismatch fails the run. Figures of two machines, or of two
runs on a busy one, can not be compared: the ratio to the limit of the same run can.
"""
