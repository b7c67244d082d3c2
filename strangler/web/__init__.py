"""What answers at the admin address: the API that commands share their data with, and who may ask it what."""
