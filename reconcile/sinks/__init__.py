"""Sinks: where events go. What a sink must do stands in `sink`; what it is given, in `event`; one file per kind beside them."""
