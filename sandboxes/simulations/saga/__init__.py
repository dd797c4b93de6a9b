"""One order, many services: what a saga undoes when a step fails, and which anomalies each missing piece lets in."""
