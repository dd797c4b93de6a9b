"""What the decisions were measured by. Numbers are of one machine and one moment; read the ratios."""
