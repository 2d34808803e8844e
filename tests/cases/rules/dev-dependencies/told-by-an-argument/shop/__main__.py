from shop.app import app
