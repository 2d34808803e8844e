create table books (name text);
