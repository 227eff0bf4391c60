# What needs the services running.
runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE shop LOGIN PASSWORD 'secret';
CREATE DATABASE shop OWNER shop;
\c shop
CREATE TABLE fruit (id int PRIMARY KEY, name text, price numeric(6,2));
INSERT INTO fruit VALUES (1, 'pomme', 1.50), (2, 'poire', 2.00), (3, 'abricot', NULL);
GRANT SELECT ON fruit TO shop;
SQL
mariadb <<'SQL'
CREATE DATABASE shop;
CREATE TABLE shop.fruit (id int PRIMARY KEY, name varchar(20) CHARACTER SET utf8mb4, price decimal(6,2));
CREATE TABLE shop.log (line int) ENGINE=InnoDB;
INSERT INTO shop.fruit VALUES (1, 'pomme', 1.50), (2, 'poire', 2.00), (3, 'abricot', NULL);
CREATE USER shop@'%' IDENTIFIED BY 'secret';
GRANT SELECT ON shop.* TO shop@'%';
GRANT SELECT, INSERT ON shop.log TO shop@'%';
SQL
echo "Plan de l'atelier" >/tmp/plan.txt
nfs-cp /tmp/plan.txt nfs://127.0.0.1/commun/plan.txt
