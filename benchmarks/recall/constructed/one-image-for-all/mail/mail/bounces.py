import aioimaplib
import sqlalchemy
