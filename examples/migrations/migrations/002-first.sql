INSERT INTO people VALUES ('Ada');
