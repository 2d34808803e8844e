import celery
import cv2
import numpy
import pytesseract

app = celery.Celery("scans")
