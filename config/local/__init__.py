"""The local runner: a whole Stepwell on one machine, with its own Postgres and Valkey (`make run`)."""
