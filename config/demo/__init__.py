"""What `make run` puts into an empty database: people, workflows and a webhook endpoint to try."""
