"""What is done around a run: taking hold of its folder, finishing what a killed run left, deleting what nobody needs."""
