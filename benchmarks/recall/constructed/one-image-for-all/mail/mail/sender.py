import aiosmtplib
import jinja2
