from tests.e2e.control.conftest import serving

__all__ = ["serving"]
