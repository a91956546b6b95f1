"""What kind of machine each provider is, in the words of IPTC's NewsCodes, for the metadata of what it makes."""

from chatserver.imaging.protocol import DigitalSource

# The built-in painter is an algorithm that was not trained on samples: `algorithmicMedia` is IPTC's term for what "software
# using a mathematical formula" makes. All others call a model, whose work is `trainedAlgorithmicMedia`.
_ALGORITHMS = frozenset({"sketch"})


def digital_source(provider: str, *, masked: bool) -> DigitalSource:
    """The term for what the provider of this name makes; `masked`: it has made a part of a picture."""
    if provider in _ALGORITHMS:
        return "compositeSynthetic" if masked else "algorithmicMedia"
    return "compositeWithTrainedAlgorithmicMedia" if masked else "trainedAlgorithmicMedia"
