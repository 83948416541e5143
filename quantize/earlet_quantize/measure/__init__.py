"""What is measured of an int8 network: noise layer by layer, speed in turns, accuracy in pairs."""
