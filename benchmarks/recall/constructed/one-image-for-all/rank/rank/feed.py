import kafka
import pandas
