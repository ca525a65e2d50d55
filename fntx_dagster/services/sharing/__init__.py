"""What an owner shows to strangers: links and files of disclosures, what follows from them, who was shown what."""
