"""The local runner behind `make run`: all of Stepwell on one machine, servers included."""
