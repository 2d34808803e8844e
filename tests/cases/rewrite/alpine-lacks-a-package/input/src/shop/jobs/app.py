from celery import Celery
import pandas
app = Celery()
import subprocess
subprocess.run(["ffmpeg", "-version"])
