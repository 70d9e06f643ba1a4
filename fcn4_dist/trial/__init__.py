"""Trying what a job stands on, on the device itself: operators, a step, collectives.

Nothing here trains; what comes out is compared with what is known beforehand.
"""
