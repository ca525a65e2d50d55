"""The daily report: what moved the account's NAV, told in order, in Hong Kong time, and explained to the cent.

Pure: a `Day` in, a `Story` out, and the story rendered as Markdown or JSON; no file, no connection. Which rows make a
day is the business of `store/`.
"""
