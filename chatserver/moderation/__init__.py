"""What may be made and shown here, as the operator decides."""
