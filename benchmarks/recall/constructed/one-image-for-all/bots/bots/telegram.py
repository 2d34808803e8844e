import aiogram

from bots import store
