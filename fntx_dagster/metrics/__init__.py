"""What is computed from days and positions: the catalogue of signed metrics, Greeks, exposure and value at risk.

Pure: model values in, numbers out. Where positions and prices come from is the business of `services/risk.py`.
"""
