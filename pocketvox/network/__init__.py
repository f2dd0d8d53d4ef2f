"""The network and its training. Only this package imports Keras; import its modules where they are needed."""
