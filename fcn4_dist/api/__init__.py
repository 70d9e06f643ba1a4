"""What ``import fcn4_dist`` offers to programs and notebooks; imported when it is used."""
