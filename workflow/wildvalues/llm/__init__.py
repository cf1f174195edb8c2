"""Language models: what is asked, who answers, and the memory of every answer."""
