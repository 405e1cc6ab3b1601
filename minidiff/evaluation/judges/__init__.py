"""Small classifiers that say what a generated picture reads as, and give its features."""
