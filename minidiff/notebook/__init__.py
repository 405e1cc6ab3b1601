"""What the lessons are drawn with: figures, controls, tools to paint with."""
