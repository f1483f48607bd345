"""The conformance suite of channels."""


class ChannelSuite:
    """What every channel must do."""
