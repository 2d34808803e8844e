import flask
import jinja2

app = flask.Flask("mail")
