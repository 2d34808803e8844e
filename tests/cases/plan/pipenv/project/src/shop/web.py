import webber

app = webber.Server()
