"""Ventures."""
