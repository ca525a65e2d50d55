"""Encrypted aggregation: totals over several traders, of whom nobody shows their own figures.

Pure: points, integers and bytes in and out. Which chain they go to is the business of `adapters/evm`, and what is sent
when is that of `services/`. `commitments` is what a signed day commits to; `proving` and `submission` make and check
what a trader submits: ciphertexts of the same values, with the proof that they are the same and in range; `committee`
makes the trustees' key without a dealer; `opening` and `totals` decrypt the sums of a day; `epoch` is the file from
which a stranger checks all of it, and `checking` that check.
"""
