"""The systems that MAGTF-Net is compared with."""
