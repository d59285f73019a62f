"""Why a fitted network has not learnt: evidence, trials and rules."""
