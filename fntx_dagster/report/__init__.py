"""The daily report: what moved the account's NAV, narrated in order, in the observer's time, and explained to the cent.

Pure: a `Day` in, a `Story` out, and stories rendered as Markdown, JSON or HTML; no file, no connection. Which rows make
a day is the business of `store/`.
"""
