"""What people and admins of chats decide: thumbs, stars, rules, and what is forgotten."""
