import discord

from bots import store
