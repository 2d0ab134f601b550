"""How fast magtfnet is beside its peers: ``make bench`` runs everything and writes docs/performance.md."""
