"""What the factory and the operator make for enrolment: labels, site codes, batches."""
