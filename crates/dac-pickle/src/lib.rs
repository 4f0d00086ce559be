//! A closed, bounded reader of the pickles in checkpoints, .pt and .dac files; executes nothing.
