"""A request's way: asked, admitted, stored, worked on, ended, delivered, shown again."""
