import rq
import redis
