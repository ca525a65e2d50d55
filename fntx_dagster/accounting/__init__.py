"""The account's arithmetic: trading days, rates, what each row of a statement was, and which fill closed which.

Pure: values in, values out; no file, no connection. What is written where is the business of `store/`.
"""
