"""`python -m strangler`"""

from strangler.cli.main import main

main()
