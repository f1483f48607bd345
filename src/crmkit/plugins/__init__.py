"""Everything that a host can swap: stores and channels.  The built-in ones are plugins too."""
