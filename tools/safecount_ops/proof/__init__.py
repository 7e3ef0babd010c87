"""What shows that the product's claims hold: tests named by documents, scorecards, papers filled from what runs."""
